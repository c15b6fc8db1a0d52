"""`voice doctor --network`: could a conversation be held with a server from here?"""
