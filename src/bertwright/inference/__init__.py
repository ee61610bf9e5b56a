"""A loaded model that answers: blanks, next sentences, vectors of texts, labels."""
