"""The words that the control plane and the workers share: frozen dataclasses, standard library only."""
