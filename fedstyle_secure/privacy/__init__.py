"""The scales: clip, quantize, add noise, account. The order is the guarantee."""
