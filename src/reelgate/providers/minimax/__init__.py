"""MiniMax: Hailuo and its successors."""
