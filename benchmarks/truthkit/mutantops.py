"""Small wrong changes of a module's source, one at a time: what mutation testing tries.

The operators are those of the usual tools (arithmetic, comparisons, constants, conditions, bounds, statements
left out), as replacements of pieces of the text: the rest of the file stays as it is, line numbers too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import pairwise

_ARITHMETIC: dict[type[ast.operator], tuple[bytes, bytes]] = {
    ast.Add: (b"+", b"-"),
    ast.Sub: (b"-", b"+"),
    ast.Mult: (b"*", b"/"),
    ast.Div: (b"/", b"*"),
    ast.FloorDiv: (b"//", b"*"),
    ast.Mod: (b"%", b"*"),
    ast.Pow: (b"**", b"*"),
    ast.MatMult: (b"@", b"*"),
    ast.BitAnd: (b"&", b"|"),
    ast.BitOr: (b"|", b"&"),
    ast.BitXor: (b"^", b"&"),
    ast.LShift: (b"<<", b">>"),
    ast.RShift: (b">>", b"<<"),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[bytes, tuple[bytes, ...]]] = {
    ast.Lt: (b"<", (b"<=", b">")),
    ast.LtE: (b"<=", (b"<", b">=")),
    ast.Gt: (b">", (b">=", b"<")),
    ast.GtE: (b">=", (b">", b"<=")),
    ast.Eq: (b"==", (b"!=",)),
    ast.NotEq: (b"!=", (b"==",)),
    ast.Is: (b"is", (b"is not",)),
    ast.IsNot: (b"is not", (b"is",)),
    ast.In: (b"in", (b"not in",)),
    ast.NotIn: (b"not in", (b"in",)),
}
_TWINS = {
    one: other
    for pair in (
        ("min", "max"),
        ("minimum", "maximum"),
        ("floor", "ceil"),
        ("any", "all"),
        ("argmin", "argmax"),
    )
    for one, other in (pair, pair[::-1])
}
_UNARY: dict[type[ast.unaryop], bytes] = {ast.Not: b"not", ast.USub: b"-", ast.Invert: b"~"}
# Texts for people, and what only says how something is declared.
_TELLING = {
    "debug",
    "info",
    "warning",
    "error",
    "exception",
    "warn",
    "tell",
    "field",
    "Field",
    "cast",
    "TypeVar",
}
_DECLARING = {"strict", "cache", "nogil", "fastmath"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes
    ----------
    module : str
        The file, as a path from the root of the repository.
    line : int
        The line that changes, from 1.
    start, stop : int
        The bytes that are replaced.
    operator : str
        The kind of change.
    before, after : str
        The text that is replaced, and what replaces it.
    """

    module: str
    line: int
    start: int
    stop: int
    operator: str
    before: str
    after: str

    def of(self, source: bytes) -> bytes:
        """Give the source with this change."""
        return source[: self.start] + self.after.encode() + source[self.stop :]


def mutants_of(module: str, source: bytes) -> list[Mutant]:
    """Give all changes of a module, in order of their place.

    Parameters
    ----------
    module : str
        The file, as a path from the root of the repository.
    source : bytes
        Its text.

    Returns
    -------
    list of Mutant
        Annotations, decorators, texts and messages are left alone.
    """
    finder = _Finder(module, source)
    finder.visit(ast.parse(source))
    return sorted(set(finder.found), key=lambda one: (one.start, one.stop, one.operator, one.after))


def makes_sense(mutant: Mutant, source: bytes) -> bool:
    """Tell whether a change leaves a module a Python program, and another one than before."""
    try:
        return ast.dump(ast.parse(mutant.of(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


class _Finder(ast.NodeVisitor):
    """Walks over a module and notes what can be changed."""

    def __init__(self, module: str, source: bytes) -> None:
        self.found: list[Mutant] = []
        self._module = module
        self._source = source
        self._begins = [0]
        for line in source.splitlines(keepends=True):
            self._begins.append(self._begins[-1] + len(line))

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._begins[node.lineno - 1] + node.col_offset

    def _stop(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None  # noqa: S101 - parsed, not made
        assert node.end_col_offset is not None  # noqa: S101
        return self._begins[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> bytes:
        return self._source[self._start(node) : self._stop(node)]

    def _note(self, operator: str, start: int, stop: int, after: bytes) -> None:
        line = self._source.count(b"\n", 0, start) + 1
        before = self._source[start:stop].decode()
        self.found.append(Mutant(self._module, line, start, stop, operator, before, after.decode()))

    def _whole(self, operator: str, node: ast.expr | ast.stmt, after: bytes) -> None:
        self._note(operator, self._start(node), self._stop(node), after)

    def _between(self, operator: str, left: ast.expr, right: ast.expr, symbol: bytes, after: bytes) -> None:
        """Replace an operator, which stands between two operands with nothing but brackets about it."""
        place = self._source.find(symbol, self._stop(left), self._start(right))
        if place >= 0:
            self._note(operator, place, place + len(symbol), after)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.args.defaults, *node.args.kw_defaults, *node.body):
            if part is not None:
                self.visit(part)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.body:
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave messages alone."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave texts alone."""

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id == "__all__":
            return
        if isinstance(target, ast.Subscript):
            self._whole("statement left out", node, b"pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._whole("statement left out", node, b"pass")
        symbol, after = _ARITHMETIC[type(node.op)]
        target = ast.Name("x", lineno=0)
        ast.copy_location(target, node.target)
        self._between("arithmetic", target, node.value, symbol + b"=", after + b"=")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and _name(node.value.func) not in _TELLING:
            self._whole("statement left out", node, b"pass")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not any(
            isinstance(part, ast.Constant) and isinstance(part.value, str) for part in (node.left, node.right)
        ):
            self._between("arithmetic", node.left, node.right, *_ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for (left, right), kind in zip(pairwise((node.left, *node.comparators)), node.ops, strict=True):
            symbol, others = _COMPARISONS[type(kind)]
            for other in others:
                self._between("comparison", left, right, symbol, other)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        symbol, other = (b"and", b"or") if isinstance(node.op, ast.And) else (b"or", b"and")
        for left, right in pairwise(node.values):
            self._between("and/or", left, right, symbol, other)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        symbol = _UNARY.get(type(node.op))
        if symbol is not None:
            start = self._start(node)
            self._note("sign or not left out", start, start + len(symbol), b"")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._whole("constant", node, repr(not value).encode())
        elif isinstance(value, int | float):
            for other in (value + 1, value - 1):
                self._whole("constant", node, repr(other).encode())

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self._whole("condition", node.test, b"not (" + self._text(node.test) + b")")
            self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._whole("condition", node.test, b"not (" + self._text(node.test) + b")")
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._whole("continue/break", node, b"break")

    def visit_Break(self, node: ast.Break) -> None:
        self._whole("continue/break", node, b"continue")

    def visit_Slice(self, node: ast.Slice) -> None:
        self._bounds(node.lower, node.upper)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        if name in _TELLING:
            return
        if name in _TWINS:
            stop = self._stop(node.func)
            self._note("twin function", stop - len(name), stop, _TWINS[name].encode())
        if name in {"range", "prange"}:
            self._bounds(*(node.args[:2] if len(node.args) > 1 else (None, node.args[0])))
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg not in _DECLARING:
            self.visit(node.value)

    def _bounds(self, lower: ast.expr | None, upper: ast.expr | None) -> None:
        """Move the ends of slices and loops by one; bounds that are numbers change as constants."""
        for bound, step in ((lower, b" + 1"), (upper, b" - 1")):
            if bound is not None and not isinstance(bound, ast.Constant | ast.Starred):
                self._whole("bound", bound, b"(" + self._text(bound) + b")" + step)


def _name(function: ast.expr) -> str:
    """Give the last name of what is called, empty where it has none."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
