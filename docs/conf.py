"""The documentation as a site: `make site`.

The pages are plain Markdown that reads well where the repository is shown; what only the site needs
stands here.
"""

import re
import shutil
from functools import partial
from pathlib import Path

from sphinx.application import Sphinx

project = "Reelgate"
author = "The Reelgate authors"
root_doc = "README"
extensions = ["myst_parser"]
exclude_patterns = ["images"]
html_theme = "furo"
html_title = "Reelgate"
html_copy_source = False
# The anchors that the pages link to, as the repository's own view makes them.
myst_heading_anchors = 4
nitpicky = True
# Code blocks of a language that Pygments does not know are shown as they are.
suppress_warnings = ["misc.highlighting_failure"]

LINK = re.compile(r"\]\((?P<target>[^)#\s]+\.md)(?:#[^)]*)?\)")
OUTSIDE = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>\.\./[^)]+)\)")
DOCS = Path(__file__).resolve().parent


def as_site(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give index pages a table of contents, and name files outside of the site by their paths."""
    folder = (DOCS / name).parent
    source[0] = OUTSIDE.sub(partial(named, folder), source[0])
    if Path(name).name == root_doc:
        links = dict.fromkeys(match["target"] for match in LINK.finditer(source[0]))
        pages = "\n".join(page for page in links if (folder / page).is_file())
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def named(folder: Path, match: re.Match[str]) -> str:
    """A link as it is where it leads to another page, else its text and its file's path."""
    file = (folder / match["target"].partition("#")[0]).resolve()
    if DOCS in file.parents:
        return match[0]
    return f"{match['text']} (`{file.relative_to(DOCS.parent)}`)"


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Let the site be opened by its folder."""
    if error is None:
        shutil.copy(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", as_site)
    app.connect("build-finished", add_index)
