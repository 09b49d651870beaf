"""The data room: from a card to prepared arrays.

`index` finds files and subjects, `check` judges them, `prepare` turns volumes into stacks of
images in the cache, `show` draws them.
"""
