"""gmlang: write down how things are generated, and ask what explains what is seen."""
