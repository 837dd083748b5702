"""Configuration of Sphinx. `pellucid.course.site.build` adds the folder of executed pages."""

from pathlib import Path

HERE = Path(__file__).parent

project = "pellucid"
html_title = "Deep learning with pellucid"
html_short_title = "pellucid"
copyright = "the pellucid authors"  # Sphinx asks for this name
html_show_copyright = False

extensions: list[str] = ["myst_nb", "pellucid.course.site.extension"]
exclude_patterns: list[str] = ["**/README.md"]
templates_path: list[str] = [str(HERE / "templates")]

# Text. Links to sections of other pages are checked.
myst_enable_extensions: list[str] = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "tasklist",
]
myst_heading_anchors = 3
myst_update_mathjax = False
nitpicky = True

# The reference is reStructuredText, with names between backticks as in docstrings.
default_role = "pellucid"
python_display_short_literal_types = True
toc_object_entries_show_parents = "hide"

# Code runs before Sphinx does.
nb_execution_mode = "off"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_render_error_lexer = "text"
nb_merge_streams = True
nb_output_stderr = "remove-warn"  # a page with warnings is faulty, unless a cell says: mystnb: {output_stderr: show}

# Formulas are MathML: no script, no fonts from a network.
html_math_renderer = "pellucid"

pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-dark"

html_theme = "furo"
html_static_path: list[str] = [str(HERE / "static")]
html_css_files: list[str] = ["course.css"]
html_js_files: list[str] = ["course.js"]
html_copy_source = False
html_secnumber_suffix = " "
html_show_sourcelink = False
html_domain_indices = False  # an index of modules
html_show_search_summary = False  # excerpts would be fetched, which browsers forbid for pages from disk
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {
        "color-brand-primary": "#8c4a00",
        "color-sidebar-link-text": "#3f4752",
        "color-sidebar-link-text--top-level": "#3f4752",
        "color-brand-content": "#0b5c8a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#e8b26a",
        "color-sidebar-link-text": "#c3cad3",
        "color-sidebar-link-text--top-level": "#c3cad3",
        "color-brand-content": "#7cc0e8",
    },
}
