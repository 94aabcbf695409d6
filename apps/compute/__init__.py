"""Pools of hardware and the nodes in them: who works for whom, with which token."""
