"""tools/results.py counts what gtest, meson and pytest write."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "results.py"

XML = """<testsuites><testsuite>
  <testcase classname="a" name="good" status="run"/>
  <testcase classname="a" name="bad"><failure message="expected 1&#10;got 2"/></testcase>
  <testcase classname="a" name="broken"><error>exit status 134</error></testcase>
  <testsuite><testcase classname="a" name="off" status="notrun"/></testsuite>
  <testcase classname="a" name="cannot"><skipped message="no IPv6 here"/></testcase>
</testsuite></testsuites>"""


def run(*paths):
    return subprocess.run([sys.executable, PROGRAM, *paths], capture_output=True, text=True,
                          check=True)


def test_counts_and_names(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text(XML)
    done = run(path, path)
    assert done.stdout == "2 4\n"
    for words in ("FAILED a.bad: expected 1", "FAILED a.broken: exit status 134",
                  "not run a.off: disabled in the source", "not run a.cannot: no IPv6 here"):
        assert words in done.stderr


MESON = """<testsuites><testsuite>
  <testcase classname="sluice" name="sluice:unit / a b"/>
  <testcase classname="sluice" name="golden"/>
  <testcase classname="sluice" name="crash"><failure message="SIGSEGV"/></testcase>
</testsuite></testsuites>"""
GOOD = '<testsuites><testcase name="x"/><testcase name="y"/></testsuites>'


def test_gtest_reports_count_instead_of_their_program(tmp_path):
    path, gtest = tmp_path / "meson.xml", tmp_path / "gtest"
    path.write_text(MESON)
    gtest.mkdir()
    (gtest / "a_b_test.xml").write_text(GOOD)
    assert run("--gtest", gtest, path).stdout == "3 1\n"
    (gtest / "crash_test.xml").write_text(GOOD)  # it wrote a report, then died
    assert run("--gtest", gtest, path).stdout == "5 1\n"


def test_a_gtest_report_of_an_unknown_program_counts_too(tmp_path):
    path, gtest = tmp_path / "e2e.xml", tmp_path / "gtest"
    path.write_text(GOOD)
    gtest.mkdir()
    (gtest / "unit.xml").write_text(XML)
    assert run("--gtest", gtest, path).stdout == "3 2\n"


def test_a_missing_or_cut_file_is_a_failure(tmp_path):
    cut = tmp_path / "cut.xml"
    cut.write_text(XML[:50])
    done = run(cut, tmp_path / "missing.xml")
    assert done.stdout == "0 2\n"
    assert "missing.xml" in done.stderr
