"""Reading a parsed XML tree by local names, so that every version's namespace is read alike.

A path such as `Acct/Id/IBAN` names child, grandchild and so on.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

Node = etree._Element


def local_name(node: Node) -> str:
    """The tag without its namespace; "" for what is no element."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def find_all(node: Node, path: str) -> Iterator[Node]:
    """Every element at that path, in the order of the file."""
    head, _, rest = path.partition("/")
    for child in node:
        if local_name(child) == head:
            if rest:
                yield from find_all(child, rest)
            else:
                yield child


def find(node: Node, path: str) -> Node | None:
    """The first element at that path."""
    return next(find_all(node, path), None)


def own_text(node: Node) -> str:
    """What stands in the element itself, without blanks around it."""
    return (node.text or "").strip()


def text_at(node: Node, path: str) -> str:
    """The text of the first element at that path; "" where there is none."""
    found = find(node, path)
    return own_text(found) if found is not None else ""
