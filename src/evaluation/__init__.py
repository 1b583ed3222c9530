"""Is a new model better than the registered one?"""
