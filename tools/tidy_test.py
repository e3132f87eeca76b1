"""Each rule of tools/tidy.py bites on the smallest file that breaks it, and on nothing else."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import tidy  # noqa: E402  (the path above makes it reachable)

HEADER = "// What it is.\n#pragma once\n"
LONG_BODY = "  call();\n" * 70


def rules_of(root):
    return sorted({found.rule for found in tidy.check(root)})


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def built(name, text):
    """The files of a tree in which `name` is listed by its folder's meson.build."""
    path = Path(name)
    return {name: text, f"{path.parent}/meson.build": f"x = ['{path.name}']\n"}


GOOD = {
    "include/sluice/error.h": HEADER,
    "src/base/slab.h": HEADER + "namespace sluice::base {\nclass Slab { int size_ = 0; };\n}\n",
    "src/base/slab.cc": '#include "base/slab.h"\n',
    "src/uring/ring.h": HEADER + '#include "base/slab.h"\n#include "sluice/error.h"\n',
    "src/uring/ring.cc": '#include "uring/ring.h"\n',
    "src/base/meson.build": "x = ['slab.cc']\n",
    "src/uring/meson.build": "x = ['ring.cc']\n",
    "tests/unit/uring/ring_test.cc": "// tests the ring: conn, cx and sock are words here\n",
    "tests/unit/uring/meson.build": "foreach name : ['ring']\nendforeach\n",
    "tests/golden/tab.yaml": "\tbad: on purpose\n",
    "tools/x.py": "#!/usr/bin/python3\nprint(1)\n",
}

BAD = {
    "trailing-space": {"README.md": "text \n"},
    "tab": {"packaging/x.conf": "\tx\n"},
    "columns": {"src/base/a.h": HEADER + "// " + "x" * 98 + "\n"},
    "final-newline": {"README.md": "text"},
    "encoding": {"README.md": b"\xff\n"},
    "file-length": {"src/base/a.h": HEADER + "int x;\n" * 499},
    "marker": {"src/base/a.h": HEADER + "// TO" + "DO: later\n"},
    "header-comment": {"src/base/a.h": "#pragma once\n"},
    "pragma-once": {"src/base/a.h": "// What.\n"},
    "pure": {"src/stats/a.h": HEADER + "#include <sys/socket.h>\n"},
    "layers": {"src/sys/a.h": HEADER + '#include "uring/ring.h"\n'},
    "include-headers": {"src/base/a.h": HEADER + '#include "base/slab.cc"\n'},
    "unused-using": built("src/base/slab.cc", "using std::a;\nusing std::string;\nstring b(a);\n"
                          "using std::c;\n// c\n"),
    "known-folder": {"src/util/a.h": HEADER},
    "name": {"src/base/a.h": HEADER + "inline int conn_count = 0;\n"},
    "data-path": {"src/proxy/a.h": HEADER + "std::shared_ptr<int> x;\n"},
    "function-length": built("src/sys/a.cc", "void f() {\n" + LONG_BODY + "}\n"),
    "meson": {"src/base/a.cc": "int x;\n", "src/base/meson.build": "x = ['b.cc']\n"},
    "mirror": built("tests/unit/sys/gone_test.cc", "int x;\n"),
    "python": {"tools/x.py": "#!/usr/bin/env python3\n"},
}


def test_a_good_tree_has_no_finding(tmp_path):
    write(tmp_path, GOOD)
    assert tidy.check(tmp_path) == []


@pytest.mark.parametrize("rule", sorted(BAD))
def test_rule_bites(rule, tmp_path):
    write(tmp_path, GOOD | BAD[rule])
    assert rules_of(tmp_path) == [rule]


@pytest.mark.parametrize(("path", "include", "allowed"), [
    ("src/proxy/a.h", "tls/context.h", True),
    ("src/proxy/a.h", "proxy/b.h", True),
    ("src/tls/a.h", "balance/server.h", False),      # same layer: they do not know each other
    ("src/balance/a.h", "tls/context.h", False),
    ("src/base/a.h", "sys/fd.h", False),
    ("include/sluice/a.h", "base/slab.h", False),
    ("tools/lbstat/a.h", "base/slab.h", True),
    ("tools/lbstat/a.h", "stats/encode.h", True),
    ("tools/lbstat/a.h", "daemon/admin.h", False),
    ("bench/a.h", "proxy/relay.h", True),
])
def test_layers(path, include, allowed, tmp_path):
    write(tmp_path, {path: HEADER + f'#include "{include}"\n'})
    assert rules_of(tmp_path) == ([] if allowed else ["layers"])


@pytest.mark.parametrize(("line", "allowed"), [
    ("int idx_ = 0;", False),
    ("int peer_port = 0;", False),
    ("auto length = sqe->len;", True),
    ("int value = entry.addr;", True),               # a member of the kernel's struct
    ("getpeername(fd, address, &size);", True),
    ("// conn and sock in a comment", True),
    ('const char* text = "conn";', True),
    ("#include <sock.h>", True),
])
def test_names(line, allowed, tmp_path):
    write(tmp_path, {"src/base/a.h": HEADER + line + "\n"})
    assert rules_of(tmp_path) == ([] if allowed else ["name"])


@pytest.mark.parametrize("head", [
    "void f() {",
    "int Server::pick(int one) const noexcept {",
    "Thing::Thing(int a) : a_{a}, b_(a), c_{{1}, {2}} {",
    "template <typename T>\nauto f(T x) -> std::vector<T> {",
    "bool operator==(const A& a, const B& b) {",
    "TEST(Ring, Works) {",
    "struct A {\n  void f() {",
    "namespace a {\nclass B final : public C {\n public:\n  B() : x_{1} {",
    "extern \"C\" {\nint f(struct x* y) {",
])
def test_function_length_knows_every_head(head, tmp_path):
    depth = 1 + sum(word in head for word in ("struct A", "namespace a", "class B", "extern"))
    text = head + "\n  if (x) { y(); }\n" + LONG_BODY + "}\n" * depth
    write(tmp_path, built("src/base/a.cc", text))
    assert rules_of(tmp_path) == ["function-length"]
    write(tmp_path, built("src/base/a.cc", text.replace(LONG_BODY, "  call();\n" * 50)))
    assert rules_of(tmp_path) == []


def test_tables_and_scopes_are_not_functions(tmp_path):
    table = "constexpr Edge kEdges[] = {\n" + "  {1, 2},\n" * 100 + "};\n"
    scope = "namespace a {\nenum class E {\n" + "  kX,\n" * 100 + "};\n}\n"
    write(tmp_path, built("src/base/a.cc", table + scope))
    assert tidy.check(tmp_path) == []


def test_findings_name_the_line(tmp_path):
    write(tmp_path, {"src/sys/a.h": HEADER + "\n" + '#include "proxy/relay.h"\n'})
    assert [str(found) for found in tidy.check(tmp_path)] == [
        "src/sys/a.h:4: layers: sys/ is not above proxy: proxy/relay.h"]


def test_exit_status_and_speed(tmp_path):
    write(tmp_path, BAD["tab"])
    program = Path(__file__).parent / "tidy.py"
    assert subprocess.run([program, tmp_path], capture_output=True).returncode == 1
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program], capture_output=True, check=False)  # this tree
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2, "CPU seconds"
