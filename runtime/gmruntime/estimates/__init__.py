"""What is known where no exact answer fits: messages, samples that check them, and bounds."""
