"""``rheobase theory``: every prediction of `models` from the command line."""
