"""``python -m goodfit``."""

from goodfit.cli import main

if __name__ == "__main__":
    main()
