"""Trains a claimed run: supervises a child process that goes load → split → fit → evaluate → export → parity → package."""
