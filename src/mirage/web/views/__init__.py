"""What the HTTP API takes and answers, and how it is made of the atlas's own objects.

A page renders the same object that its JSON twin sends. One module a feature; nothing here needs the web framework.
"""
