"""Trains a claimed run: a child process goes load → split → fit → evaluate → export → parity → package."""
