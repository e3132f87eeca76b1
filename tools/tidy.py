#!/usr/bin/python3
"""The house law as a test: reads every file of the tree and prints what breaks a rule.

    tools/tidy.py [ROOT]      one line a finding: FILE:LINE: rule: text; exit status 1 if any

The rules and their reasons are in src/STYLE.md and src/ARCHITECTURE.md; each rule below is one
function of a `Source` (or of the whole tree), and tools/tidy_test.py shows that each one bites.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100

# Includes point downward: a folder may include the folders of lower layers and itself.
LAYERS = {
    "base": 0,
    "sys": 1, "stats": 1, "wire": 1,
    "uring": 2,
    "reactor": 3, "config": 3,
    "tls": 4, "balance": 4,
    "proxy": 5,
    "daemon": 6,
}
SAME_LAYER_ALLOWED: set[tuple[str, str]] = set()  # (including folder, included folder)
PURE_FOLDERS = {"base", "stats", "wire"}          # no I/O: these headers have no place there
IO_HEADERS = {"sys/socket.h", "sys/epoll.h", "liburing.h", "netinet/in.h", "arpa/inet.h",
              "netdb.h", "sys/un.h"}
DATA_PATH = {"uring", "reactor", "proxy"}

# One word per idea. A synonym is banned as a part of a name (`conn_count`), an abbreviation as a
# whole name (`idx`, `idx_`), and neither as a member of a foreign struct (`sqe->len`).
SYNONYMS = {
    "conn": "session, client or server", "conns": "sessions", "cx": "session",
    "peer": "client or server", "peers": "clients or servers", "sock": "fd or socket",
    "socks": "fds or sockets",
}
ABBREVIATIONS = {
    "addr": "address", "buf": "buffer", "bufs": "buffers", "cfg": "config", "cnt": "count",
    "ctx": "what it is the context of", "cur": "current", "dst": "to", "hdl": "handle",
    "idx": "index", "mgr": "what it does", "msg": "message", "num": "count", "pkt": "datagram",
    "ptr": "what it points to", "req": "request", "resp": "response", "ret": "result",
    "retval": "result", "rv": "result", "sess": "session", "srv": "server", "svr": "server",
    "tmp": "what it holds", "usr": "user", "be": "backend", "fe": "frontend",
}
FOREIGN_NAMES = {"sock_filter", "sock_fprog", "sock_extended_err"}

CODE = {".h", ".cc"}
SCRIPTS = {".py", ".sh"}
UNREADABLE = ("tests/golden/", "tests/fuzz/corpus", "tests/fuzz/corpora")  # bad on purpose


@dataclass(order=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


@dataclass
class Source:
    """One file: `lines` as written, `code` with comments and literals blanked out."""

    path: str                     # relative to the root, with slashes
    text: str
    lines: list[str] = field(init=False)

    def __post_init__(self):
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self._code = None

    @property
    def code(self):
        if self._code is None:
            self._code = blank_comments_and_literals(self.text)
        return self._code

    @property
    def suffix(self):
        return Path(self.path).suffix

    @property
    def is_code(self):
        return self.suffix in CODE

    @property
    def folder(self):
        """`uring` of src/uring/ring.h, else the empty string."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""

    def find(self, rule, line, text):
        return Finding(self.path, line, rule, text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\ \n]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)


def blank_comments_and_literals(text):
    """The same text, same length and lines, with comments and literals replaced by spaces."""
    return _TOKENS.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


# --- rules for one file ---------------------------------------------------------------------------


def rule_text(source):
    """100 columns (code and scripts), no space at a line's end, no tab, one newline at the end."""
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield source.find("trailing-space", number, "ends in a space")
        if "\t" in line:
            yield source.find("tab", number, "indent with spaces")
        if len(line) > MAX_COLUMNS and (source.is_code or source.suffix in SCRIPTS):
            yield source.find("columns", number, f"{len(line)} columns, at most {MAX_COLUMNS}")
    if source.text and (not source.text.endswith("\n") or source.text.endswith("\n\n")):
        yield source.find("final-newline", len(source.lines), "ends in exactly one newline")


def rule_file_length(source):
    if (source.is_code or source.suffix in SCRIPTS) and len(source.lines) > MAX_FILE_LINES:
        yield source.find("file-length", MAX_FILE_LINES,
                          f"{len(source.lines)} lines, at most {MAX_FILE_LINES}: split by subject")


def rule_markers(source):
    """What is left to do stands on an issue, not in the code."""
    if source.is_code or source.suffix in SCRIPTS or source.path.endswith("meson.build"):
        for number, line in enumerate(source.lines, 1):
            found = re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", line)
            if found:
                yield source.find("marker", number, f"{found.group()}: say it on an issue")


def rule_header(source):
    if source.suffix != ".h":
        return
    if not source.text.startswith("//"):
        yield source.find("header-comment", 1, "starts with what the thing is, in a comment")
    if not re.search(r"^#pragma once$", source.text, re.M):
        yield source.find("pragma-once", 1, "has no #pragma once")


def includes(source):
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            yield number, match.group(1), match.group(2)


def rule_layers(source):
    """Includes point downward; include/ only itself; lbstat the contract, base and stats."""
    for number, quoted, angled in includes(source):
        if source.folder in PURE_FOLDERS and (angled or quoted) in IO_HEADERS:
            yield source.find("pure", number, f"{source.folder}/ does no I/O: {angled or quoted}")
        target = (quoted or "").split("/")[0] if "/" in (quoted or "") else ""
        if target not in LAYERS:
            continue
        if source.path.startswith("include/"):
            yield source.find("layers", number, f"include/sluice uses nothing of src/: {quoted}")
        elif source.path.startswith("tools/") and target not in ("base", "stats"):
            yield source.find("layers", number, f"lbstat knows include, base, stats: {quoted}")
        elif source.folder in LAYERS and not may_include(source.folder, target):
            yield source.find("layers", number, f"{source.folder}/ is not above {target}: {quoted}")


def rule_include_headers(source):
    """Sources are listed in meson.build; the units of unity builds are generated."""
    for number, quoted, angled in includes(source):
        if re.search(r"\.(cc|cpp|c)$", quoted or angled):
            yield source.find("include-headers", number, f"not a header: {quoted or angled}")


def rule_unused_using(source):
    """clang-tidy's misc-unused-using-decls sees main files only, and of a unity build none."""
    if not source.path.endswith(".cc"):
        return
    for match in re.finditer(r"^using (?:\w+::)+(\w+);", source.code, re.M):
        if len(re.findall(rf"\b{match.group(1)}\b", source.code)) == 1:
            yield source.find("unused-using", source.line_of(match.start()),
                              f"nothing uses {match.group(1)}")


def may_include(folder, target):
    return (folder == target or LAYERS[target] < LAYERS[folder]
            or (folder, target) in SAME_LAYER_ALLOWED)


def rule_known_folder(source):
    if source.is_code and source.path.startswith("src/") and source.folder not in LAYERS:
        yield source.find("known-folder", 1, f"src/{source.folder} has no layer in tools/tidy.py")


def rule_names(source):
    if not source.is_code or not source.path.startswith(("src/", "include/", "tools/")):
        return
    for match in re.finditer(r"(?<![\w#])(?<!\.)(?<!->)[a-z][a-z0-9_]*\b", source.code):
        name = match.group().strip("_")
        if name in FOREIGN_NAMES or in_preprocessor_line(source.code, match.start()):
            continue
        for part in name.split("_"):
            if part in SYNONYMS:
                yield source.find("name", source.line_of(match.start()),
                                  f"'{name}': say {SYNONYMS[part]}")
        if name in ABBREVIATIONS:
            yield source.find("name", source.line_of(match.start()),
                              f"'{name}': say {ABBREVIATIONS[name]}")


def in_preprocessor_line(text, offset):
    return text[text.rfind("\n", 0, offset) + 1:offset].lstrip().startswith("#")


def rule_data_path(source):
    if source.is_code and source.folder in DATA_PATH:
        for match in re.finditer(r"\bstd::(shared_ptr|make_shared|function)\b", source.code):
            yield source.find("data-path", source.line_of(match.start()),
                              f"no {match.group()} in {source.folder}/")


def rule_function_length(source):
    if source.is_code:
        for name, first, last in functions(source.code):
            if last - first + 1 > MAX_FUNCTION_LINES:
                yield source.find("function-length", first,
                                  f"{name}: {last - first + 1} lines, at most {MAX_FUNCTION_LINES}")


_SCOPE = re.compile(r"^\s*(template\b.*|\[\[[^\]]*\]\]\s*|inline\s+|static\s+|typedef\s+)*"
                    r"(namespace|class|struct|union|enum|extern)\b", re.S)
_INITIALIZER_LIST = re.compile(r"\)[^;{}()]*(?<!:):(?!:).*[\w>]\s*$", re.S)


def functions(code):
    """Yields (name, first line, last line) of each function body outside another function.

    `code` has no comments and literals. A head is the text between the last `;`, `{` or `}` and a
    `{`; it decides what the brace opens: a scope, a member's initializer, a function or a value.
    """
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda match: re.sub(r"[^\n]", " ", match.group()), code, flags=re.M)
    stack = []          # of ("scope" | "function" | "other" | "member", start of head)
    head_start = 0
    for match in re.finditer(r"[;{}]", code):
        position = match.start()
        inside_function = any(kind == "function" for kind, _ in stack)
        if match.group() == "{":
            head = code[head_start:position]
            stack.append((kind_of(head, inside_function), head_start))
            if stack[-1][0] != "member":
                head_start = position + 1
        elif match.group() == "}":
            kind, start = stack.pop() if stack else ("other", position)
            if kind == "function":
                text = code[start:position]
                first = start + len(text) - len(text.lstrip())
                yield name_of(text), code.count("\n", 0, first) + 1, \
                    code.count("\n", 0, position) + 1
            head_start = start if kind == "member" else position + 1
        elif not (stack and stack[-1][0] == "member"):
            head_start = position + 1


def kind_of(head, inside_function):
    if inside_function:
        return "other"
    if _SCOPE.match(head) and not re.search(r"\)\s*(const|noexcept|override|->.*)?\s*$", head):
        return "scope"
    if _INITIALIZER_LIST.search(head) and not re.search(r"\)\s*(const|noexcept)\s*$", head) \
            and not re.search(r"->[^:]*$", head):
        return "member"
    return "function" if "(" in head else "other"


def name_of(text):
    match = re.search(r"([\w:~]+|operator\s*\S+?)\s*\(", text)
    return match.group(1) if match else "a function"


# --- rules for the tree ---------------------------------------------------------------------------


def rule_meson_lists(sources):
    """A .cc that no meson.build names is code that nobody compiles."""
    builds = {str(Path(s.path).parent): s.text for s in sources if s.path.endswith("meson.build")}
    for source in sources:
        if source.suffix != ".cc":
            continue
        path = Path(source.path)
        for parent in path.parents:
            if str(parent) in builds:
                relative = str(path.relative_to(parent))
                stem = relative[:-len(".cc")]
                names = {relative, stem, stem.removesuffix("_test"), stem.removesuffix("_fuzz")}
                if not any(re.search(rf"'{re.escape(name)}'", builds[str(parent)])
                           for name in names):
                    yield source.find("meson", 1, f"{parent}/meson.build does not list {relative}")
                break


def rule_tests_mirror(sources):
    """tests/unit/uring/ring_test.cc tests src/uring/ring.{h,cc}."""
    stems = {str(Path(s.path).with_suffix("")) for s in sources if s.is_code}
    for source in sources:
        match = re.match(r"tests/unit/([\w/]+)/(\w+)_test\.cc$", source.path)
        if not match:
            continue
        folder, subject = match.groups()
        homes = [f"{top}/{folder}/{subject}" for top in ("src", "include", "tools", "bench", ".")]
        if not any(home.removeprefix("./") in stems for home in homes):
            yield source.find("mirror", 1, f"there is no src/{folder}/{subject}.h or .cc")


def rule_python(sources):
    for source in sources:
        if source.lines and re.match(r"#!.*python", source.lines[0]) \
                and source.lines[0] != "#!/usr/bin/python3":
            yield source.find("python", 1, "start with #!/usr/bin/python3, Debian's own")


FILE_RULES = [rule_text, rule_file_length, rule_markers, rule_header, rule_layers,
              rule_include_headers, rule_unused_using, rule_known_folder, rule_names,
              rule_data_path, rule_function_length]
TREE_RULES = [rule_meson_lists, rule_tests_mirror, rule_python]


def list_files(root):
    """Paths relative to root: what git tracks or would track; every file where there is no git."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return sorted(name for name in set(names)
                  if not name.startswith((".git/", "build") + UNREADABLE)
                  and (root / name).is_file())


def load(root):
    """Returns the text files of the tree as sources, and a finding for each that is not UTF-8."""
    sources, findings = [], []
    for name in list_files(root):
        data = (root / name).read_bytes()
        if b"\0" in data[:4096]:
            continue
        try:
            sources.append(Source(name, data.decode()))
        except UnicodeDecodeError:
            findings.append(Finding(name, 1, "encoding", "is not UTF-8"))
    return sources, findings


def check(root):
    """Every finding of every rule over the tree, sorted."""
    sources, findings = load(root)
    findings += [found for rule in FILE_RULES for source in sources for found in rule(source)]
    findings += [found for rule in TREE_RULES for found in rule(sources)]
    return sorted(findings)


def main(arguments):
    root = Path(arguments[1] if len(arguments) > 1 else Path(__file__).parent.parent).resolve()
    findings = check(root)
    for found in findings:
        print(found)
    print(f"tidy: {len(findings)} findings", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
