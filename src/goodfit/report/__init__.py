"""The parts of a Run as one self-contained HTML file."""
