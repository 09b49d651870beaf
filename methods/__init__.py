"""The methods that come with `bench`: one class and one card each.

`bench` finds them by their cards (``*.toml``) and imports a class only in the worker that needs
it, so nothing is imported here. ``methods/README.md`` says how to add one.
"""
