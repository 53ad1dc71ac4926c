"""The generated movie with exact truth: demo, tutorial, and the toy world of the tests."""
