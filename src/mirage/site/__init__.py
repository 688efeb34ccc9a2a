"""An atlas as plain files that search in the visitor's browser, with no server behind them.

`export.write` writes them. What searches there is this package itself: `mirage.language` and `mirage.search` run in the
browser by Pyodide, over data that `data` gathers, and `browser` holds what takes the place of compiled libraries, which a
browser has not. So there is one reading, one ranking and one judgement of what is sure, wherever an atlas is searched.
"""
