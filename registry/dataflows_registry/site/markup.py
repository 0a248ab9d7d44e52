"""Text of docstrings as HTML: Markdown without HTML, images or links that are not http(s)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

__all__ = ["block", "example", "inline", "is_web_address"]

_PROMPT = re.compile(r"(\s*(?:>>>|\.\.\.)(?: |$))(.*)")
_FIRST_LEVEL = 3
"""Headings of a docstring stand below those of the page."""


def is_web_address(address: str) -> bool:
    """Whether a link may lead there."""
    return re.match(r"https?://[^\s/]", address, re.IGNORECASE) is not None


class _Renderer(RendererHTML):
    """Headings lowered, links that no search engine follows and that tell nobody where they were."""

    def heading_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        self._lower(tokens[at])
        return self.renderToken(tokens, at, options, env)

    def heading_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        self._lower(tokens[at])
        return self.renderToken(tokens, at, options, env)

    @staticmethod
    def _lower(token: Token) -> None:
        token.tag = f"h{min(6, int(token.markup.count('#') or 1) - 1 + _FIRST_LEVEL)}"

    def link_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        tokens[at].attrSet("rel", "nofollow noopener noreferrer")
        return self.renderToken(tokens, at, options, env)


@cache
def _parser() -> Any:
    parser: Any = MarkdownIt("commonmark", {"html": False, "linkify": False}, renderer_cls=_Renderer)
    parser.enable("table").disable(["image", "html_block", "html_inline", "lheading"])
    parser.validateLink = is_web_address
    return parser


@cache
def block(text: str) -> Markup:
    r"""Paragraphs, lists, tables and code.

    Examples:
        >>> block("A *fast* `sort`.")
        Markup('<p>A <em>fast</em> <code>sort</code>.</p>\n')
        >>> block("<b>[here](javascript:x)")
        Markup('<p>&lt;b&gt;[here](javascript:x)</p>\n')
    """
    return Markup(_parser().render(text))  # noqa: S704 - the renderer escapes all text


@cache
def inline(text: str) -> Markup:
    """One line: emphasis, code and links."""
    return Markup(_parser().renderInline(text))  # noqa: S704 - the renderer escapes all text


def example(code: str) -> Markup:
    r"""An example whose prompts and output can be told from what may be run.

    Examples:
        >>> example(">>> 1 < 2\nTrue")
        Markup('<span class="prompt">&gt;&gt;&gt; </span>1 &lt; 2\n<span class="output">True</span>')
    """
    lines = code.splitlines()
    if not any(line.lstrip().startswith(">>>") for line in lines):
        return escape(code)
    parts: list[Markup] = []
    for prompted, group in groupby(lines, lambda line: _PROMPT.fullmatch(line) is not None):
        if prompted:
            matches = (_PROMPT.fullmatch(line) for line in group)
            parts += [Markup('<span class="prompt">{}</span>{}').format(*m.groups()) for m in matches if m]
        else:
            parts.append(Markup('<span class="output">{}</span>').format("\n".join(group)))
    return Markup("\n").join(parts)
