# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a web page that stands alone: made of the Markdown that lab.demo.report writes, and of no other."""

from __future__ import annotations

import re
from html import escape

STYLE = "body{font:15px sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}td,th{border:1px solid #bbb;\
padding:.2em .6em;text-align:left}code,pre{background:#f3f3f3}svg{max-width:100%}"


def page(markdown: str, picture: str) -> str:
    """``picture`` is an SVG, which takes the place of the reference to its file."""
    title = escape(markdown.splitlines()[0].lstrip("# "))
    body = "\n".join(_block(block, picture) for block in re.split(r"\n{2,}", markdown.strip()))
    return f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n<style>{STYLE}</style>\n{body}\n</html>\n'


def _block(text: str, picture: str) -> str:
    lines = text.splitlines()
    heading = re.match(r"(#+) (.*)", lines[0])
    if heading:
        return f"<h{len(heading[1])}>{_inline(heading[2])}</h{len(heading[1])}>"
    if lines[0].startswith("!["):
        return picture
    if lines[0].startswith("|"):
        return _table(lines)
    if lines[0].startswith("    "):
        return "<pre>" + escape("\n".join(line[4:] for line in lines)) + "</pre>"
    if lines[0].startswith("- "):
        return "<ul>" + "".join(f"<li>{_inline(line.strip()[2:])}</li>" for line in lines) + "</ul>"
    return "<p>" + "<br>\n".join(_inline(line.strip()) for line in lines) + "</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>\n" for row in rows[2:])
    return f"<table>\n<tr>{head}</tr>\n{body}</table>"


def _inline(text: str) -> str:
    """Code and bold."""
    marked = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*(.*?)\*\*", r"<b>\1</b>", marked)
