"""Programs in the spelling of old libraries are run by tests and not collected."""

collect_ignore_glob = ["programs/*.py"]
