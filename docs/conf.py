"""How the documentation is built: `uv run nox -s docs`. Every warning is an error."""

from importlib.metadata import version as version_of

project = "evpay"
author = "The evpay founders"
copyright = "the evpay founders"  # noqa: A001 - the name that Sphinx reads
version = release = version_of("evpay")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "evpay"

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "member-order": "bysource", "exclude-members": "__new__, __init__"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_use_rtype = False

nitpicky = True
# Nothing is fetched while building, so names of other projects and of Python itself are text, not links.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!evpay).*"),
    (r"py:.*", r"evpay\..*\.(T|P|R|Number|ModelT)"),
]

doctest_global_setup = """
import os, tempfile
_folder = tempfile.TemporaryDirectory()
os.chdir(_folder.name)
"""
doctest_test_doctest_blocks = ""
