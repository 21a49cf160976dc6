"""What lies below models: where sentences lie in memory, products in a precision, dropout, devices, and the C forms of
slow parts. Must not know models, text or configs."""
