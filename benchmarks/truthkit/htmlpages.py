"""Whether a page is sound HTML that needs nothing but files beside it.

html5lib finds what the standard calls parse errors. What elements may contain and carry is checked here by
a list of the few that pages of astromap use (https://html.spec.whatwg.org/multipage/, section 4).
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

_PICTURE = "data:image/png;base64,"
_PHRASING = frozenset({"a", "br", "code", "img", "small"})
_FLOW = _PHRASING | frozenset(
    {"article", "div", "dl", "figure", "footer", "h1", "h2", "h3", "main", "p", "section", "table", "ul"}
)
# What an element may contain.
_INSIDE = {
    "html": frozenset({"head", "body"}),
    "head": frozenset({"meta", "title", "style"}),
    "dl": frozenset({"dt", "dd"}),
    "ul": frozenset({"li"}),
    "table": frozenset({"caption", "thead", "tbody"}),
    "thead": frozenset({"tr"}),
    "tbody": frozenset({"tr"}),
    "tr": frozenset({"th", "td"}),
    "figure": _FLOW | {"figcaption"},
    **dict.fromkeys(("meta", "img", "br", "title", "style"), frozenset[str]()),
    **dict.fromkeys(("a", "code", "h1", "h2", "h3", "p", "small", "th"), _PHRASING),
    **dict.fromkeys(("article", "body", "caption", "dd", "div", "dt", "figcaption"), _FLOW),
    **dict.fromkeys(("footer", "li", "main", "section", "td"), _FLOW),
}
_NO_TEXT = frozenset({"html", "head", "dl", "ul", "table", "thead", "tbody", "tr"})
_ATTRIBUTES = {
    "html": {"lang"},
    "meta": {"charset", "name", "content"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "th": {"scope", "colspan"},
    "div": {"tabindex", "role", "aria-label"},
}
_EVERYWHERE = {"class", "id"}


def faults(page: Path) -> list[str]:
    """List what is wrong with a page.

    Parameters
    ----------
    page : Path

    Returns
    -------
    list of str
        One line each; empty for a sound page.
    """
    from html5lib import HTMLParser, getTreeBuilder
    from html5lib.html5parser import ParseError

    parser = HTMLParser(getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False)
    try:
        root = parser.parse(page.read_text(encoding="utf-8"))
    except ParseError as error:
        return [f"not HTML: {error}"]
    found = [*_document(root), *_links(root, page.parent)]
    for element in root.iter():
        found += _element(element)
    return found


def links(page: Path) -> list[str]:
    """List where a page leads to, pictures within it not counted."""
    from html5lib import parse

    root = parse(page.read_text(encoding="utf-8"), namespaceHTMLElements=False)
    return [one for one in _targets(root) if not one.startswith(_PICTURE)]


def _targets(root: Element) -> list[str]:
    return [one.attrib[key] for one in root.iter() for key in ("href", "src") if key in one.attrib]


def _document(root: Element) -> Iterator[str]:
    if not root.get("lang"):
        yield "html without lang"
    if not (root.findtext("head/title") or "").strip():
        yield "no title"
    levels = [int(one.tag[1]) for one in root.iter() if one.tag in ("h1", "h2", "h3")]
    if levels.count(1) != 1 or any(later > earlier + 1 for earlier, later in pairwise(levels)):
        yield f"headings of levels {levels}"
    names = Counter(one.attrib["id"] for one in root.iter() if "id" in one.attrib)
    yield from (f"id {name!r} is there {count} times" for name, count in names.items() if count > 1)
    style = "".join(one.text or "" for one in root.iter("style"))
    yield from (f"style with {word}" for word in ("url(", "@import", "</") if word in style)


def _links(root: Element, folder: Path) -> Iterator[str]:
    names = {one.get("id") for one in root.iter()}
    for target in _targets(root):
        file, _, anchor = target.partition("#")
        if target.startswith(_PICTURE):
            if not _is_picture(target):
                yield "a picture that cannot be read"
        elif ":" in file or file.startswith("/"):
            yield f"{target} is not beside the page"
        elif not (folder / unquote(file)).is_file() if file else anchor not in names:
            yield f"{target} leads nowhere"


def _is_picture(source: str) -> bool:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(source.removeprefix(_PICTURE), validate=True))) as image:
        image.load()
        return min(image.size) > 0


def _element(element: Element) -> Iterator[str]:
    name = element.tag
    if name not in _INSIDE:
        yield f"<{name}> is no element of such pages"
        return
    allowed = _EVERYWHERE | _ATTRIBUTES.get(name, set())
    yield from (f"<{name}> with {key}" for key in element.attrib if key not in allowed)
    yield from (f"<{child.tag}> in <{name}>" for child in element if child.tag not in _INSIDE[name])
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    if name in _NO_TEXT and text.strip():
        yield f"text in <{name}>: {text.strip()[:40]}"
    if name == "img" and not element.get("alt", "").strip():
        yield "<img> without alt"
    if name in ("h1", "h2", "h3", "a", "th", "figcaption") and not (text.strip() or len(element)):
        yield f"<{name}> is empty"
