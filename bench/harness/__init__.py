"""The harness behind bench/run and bench/compare; the method stands in bench/README.md."""
