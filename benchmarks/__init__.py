"""What is measured against peers and gold data, each one command: `python -m benchmarks.NAME`."""
