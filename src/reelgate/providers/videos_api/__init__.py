"""Any server that speaks OpenAI's Videos API: vLLM-Omni, SGLang, LiteLLM, another Reelgate."""
