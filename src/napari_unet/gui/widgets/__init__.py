"""Widgets that know neither session nor viewer: forms, sliders, plots.

In: a value. Out: the changed value, as a signal.
"""
