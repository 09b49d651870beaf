"""The data room: from a card to prepared arrays.

`index` finds files and subjects, by `layouts` and `splits`; `check` judges them; `prepare` turns
volumes and 2-D images into stacks of images in the cache, which `eviction` keeps within its size;
`show` draws them; `fetch` and `new_card` are for the first day with a dataset.
"""
