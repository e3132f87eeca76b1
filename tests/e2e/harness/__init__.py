"""Runs the real `sluice` between real programs; the tests beside this folder say what must hold."""
