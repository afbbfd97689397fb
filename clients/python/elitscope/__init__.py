"""Client of elitscope: frames to the server, atoms and their uncertainty back."""
