"""Markdown to HTML that keeps the strict content policy: classes instead of styles, no markup passed through."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

Resolve = Callable[[str], str | None]
_COMMENT = re.compile(r"^<!--.*?-->\n?", re.MULTILINE | re.DOTALL)
_FORMAT = HtmlFormatter(nowrap=True, classprefix="hl-")


@dataclass(frozen=True)
class Heading:
    """A heading, and the plain words under it up to the next one."""

    level: int
    id: str
    text: str
    words: str


@dataclass(frozen=True)
class Rendered:
    html: str
    headings: tuple[Heading, ...]


class _Renderer(RendererHTML):
    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        language, _, _ = tokens[idx].info.strip().partition(" ")
        return _code_block(tokens[idx].content, language, idx)

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return _code_block(tokens[idx].content, "", idx)

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<div class="table-wrap" tabindex="0"><table class="table dense">\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</table></div>\n"


def render(text: str, resolve: Resolve) -> Rendered:
    """HTML of a page and its headings. `resolve` turns a link as written into an address, or None for no link."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable(["table", "strikethrough"])
    tokens = parser.parse(_COMMENT.sub("", text))
    headings = _headings(tokens)
    for token in tokens:
        _align_by_class(token)
        for child in token.children or ():
            _lead(child, resolve)
    return Rendered(str(parser.renderer.render(tokens, parser.options, {})), tuple(headings))


def anchor(text: str) -> str:
    """`What a run costs?` -> `what-a-run-costs`, as repository viewers make it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _headings(tokens: list[Token]) -> list[Heading]:
    """Give every heading an id of its own and collect them."""
    found: list[Heading] = []
    words: list[list[str]] = []
    seen: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _plain(tokens[index + 1])
            name = anchor(text)
            seen[name] = seen.get(name, -1) + 1
            name = f"{name}-{seen[name]}" if seen[name] else name
            token.attrSet("id", name)
            found.append(Heading(int(token.tag[1]), name, text, ""))
            words.append([])
        elif token.type == "inline" and words and tokens[index - 1].type != "heading_open":
            words[-1].append(_plain(token))
    return [Heading(one.level, one.id, one.text, " ".join(more)) for one, more in zip(found, words, strict=True)]


def _plain(token: Token) -> str:
    parts = (child.content if child.type in ("text", "code_inline") else " " for child in token.children or ())
    return " ".join("".join(parts).split())


def _align_by_class(token: Token) -> None:
    """The parser aligns cells by a style attribute, which the policy forbids."""
    style = token.attrs.pop("style", None)
    if style:
        token.attrJoin("class", str(style).removeprefix("text-align:"))


def _lead(token: Token, resolve: Resolve) -> None:
    name = {"link_open": "href", "image": "src"}.get(token.type)
    if name is None:
        return
    target = resolve(str(token.attrs[name]))
    if target is None:
        del token.attrs[name]
    else:
        token.attrSet(name, target)


def _code_block(content: str, language: str, index: int) -> str:
    name = f"code-{index}"
    return (
        f'<div class="code"><button class="copy" type="button" data-copy="#{name}">Copy</button>'
        f'<pre id="{name}" tabindex="0"><code>{_coloured(content, language)}</code></pre></div>\n'
    )


def _coloured(content: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(content)
    return str(highlight(content, lexer, _FORMAT))
