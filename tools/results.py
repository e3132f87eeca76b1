#!/usr/bin/python3
"""Counts tests out of JUnit XML, as gtest, meson and pytest write it.

    tools/results.py [--gtest FOLDER] FILE...

prints each failure and each test that did not run with its reason to stderr, and `PASSED FAILED` to
stdout. To meson a gtest program is one test; with FOLDER, where each of them left its own report
(GTEST_OUTPUT=xml:FOLDER/), the tests in it count instead. A report there of which no FILE knows the
program counts as well.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


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


def report_of(case, reports):
    """The path of the gtest report of meson's test `case`, if there is one."""
    name = case.get("name", "").split(" / ")[-1].replace(" ", "_")
    return next((path for path in reports if path.stem in (name, f"{name}_test")), None)


def count(path, reports=(), used=None):
    """(passed, failed) of one file; a file that cannot be read is one failure. Puts the reports
    that stood for a program of the file into `used`."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        print(f"  FAILED {path}: {error}", file=sys.stderr)
        return 0, 1
    passed = failed = 0
    for case in cases:
        kind, reason = outcome(case)
        report = report_of(case, reports)
        if report:
            used.add(report)
            good, bad = count(report)
            passed, failed = passed + good, failed + bad
            if kind != "failed" or bad:
                continue
            reason = f"the program failed, its report does not say why: {reason}"
        passed += kind == "passed"
        failed += kind == "failed"
        if kind != "passed":
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            print(f"  {kind.upper() if kind == 'failed' else kind} {name}: {reason}",
                  file=sys.stderr)
    return passed, failed


def main(arguments):
    reports, used = [], set()
    if arguments[:1] == ["--gtest"]:
        reports, arguments = sorted(Path(arguments[1]).glob("*.xml")), arguments[2:]
    counts = [count(path, reports, used) for path in arguments]
    counts += [count(path) for path in reports if path not in used]
    print(sum(passed for passed, _ in counts), sum(failed for _, failed in counts))


if __name__ == "__main__":
    main(sys.argv[1:])
