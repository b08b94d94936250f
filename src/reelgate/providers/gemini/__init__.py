"""Google's Gemini API: Veo."""
