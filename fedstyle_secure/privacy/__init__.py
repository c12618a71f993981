"""The scales: clip, rotate, quantize, add integer noise, account. The order is the guarantee.

``Contributions`` -> `clipping.clip` -> ``ClippedUpdate`` -> `quantization.quantize` -> ``QuantizedUpdate`` ->
`noise.add_noise_share` -> ``NoisyUpdate``, the only type `aggregation` accepts. `mechanism.plan` sizes the whole chain,
`ledger.Ledger` refuses a release before it starts. All modes go this way.
"""
