"""Propositions, corollaries and theorems as experiments, a module for each chapter."""
