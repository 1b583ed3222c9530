"""The evaluation of batchai: challenger against champion."""
