"""Sphinx configuration."""

from importlib.metadata import version as _version

project = "vo-server"
author = "the vo-server authors"
copyright = "2026, the vo-server authors"
release = _version("vo-server")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
intersphinx_mapping = {}
myst_enable_extensions = ["colon_fence", "deflist"]
exclude_patterns = ["_build", "examples"]
html_theme = "alabaster"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
# Types of other projects have no pages here.
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|np|collections|contextlib|pathlib|typing|threading|enum|abc|NDArray|Any|BinaryIO|Path|Iterator|Iterable|Sequence|Mapping|Callable|AbstractContextManager|Literal|Points|Method|Direction|Column|Times|dtype).*"),
    (r"py:.*", r"(pydantic|starlette|interpolation)\..*"),
    (r"py:.*", r"vo_server\.(settings\..*|context\.T)"),
    (r"py:.*", r"vo_server\.(model\.(space\.Points|request\.(Method|Direction)|table\.Column|time\.Times))"),
]
