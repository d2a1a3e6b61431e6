"""What `Benchmarks/soak.py` is made of: backends that fail, callers who know what they may see, and a watch over the process."""
