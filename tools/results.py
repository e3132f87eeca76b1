#!/usr/bin/python3
"""Counts tests out of JUnit XML, as gtest, meson and pytest write it.

    tools/results.py FILE...    prints each failure and each test that did not run with its reason
                                to stderr, and `PASSED FAILED` to stdout
"""

import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """(`passed` | `failed` | `not run`, reason) of one <testcase>."""
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            return "failed", first_line(found)
    found = case.find("skipped")
    if found is not None:
        return "not run", first_line(found) or "no reason given"
    if case.get("status") == "notrun" or case.get("result") == "suppressed":
        return "not run", "disabled in the source"
    return "passed", ""


def first_line(element):
    text = (element.get("message") or element.text or "").strip()
    return text.splitlines()[0] if text else ""


def count(path):
    """(passed, failed) of one file; a file that cannot be read is one failure."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        print(f"  FAILED {path}: {error}", file=sys.stderr)
        return 0, 1
    passed = failed = 0
    for case in cases:
        kind, reason = outcome(case)
        passed += kind == "passed"
        failed += kind == "failed"
        if kind != "passed":
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            print(f"  {kind.upper() if kind == 'failed' else kind} {name}: {reason}",
                  file=sys.stderr)
    return passed, failed


def main(paths):
    counts = [count(path) for path in paths]
    print(sum(passed for passed, _ in counts), sum(failed for _, failed in counts))


if __name__ == "__main__":
    main(sys.argv[1:])
