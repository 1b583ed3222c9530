"""Monitoring: is the process still the one that the models learnt?"""
