"""What runs in a visitor's browser, and nowhere else: the atlas's data behind the ports that a search asks.

`arrays`, `stems` and `nearness` take the place of numpy, qdrant_edge and rapidfuzz there, with the few operations that
searches and readings use. None of them imports anything that has to be compiled.
"""
