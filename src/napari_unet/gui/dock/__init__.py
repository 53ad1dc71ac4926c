"""Parts that several docks have: the movie picker, menus of models and layers, the job."""
