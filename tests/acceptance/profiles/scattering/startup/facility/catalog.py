"""A stand-in for a data broker: remembers documents, is indexed by scan or UID."""


class Header(dict):
    def table(self):
        return self["events"]


class Catalog:
    """Answers like a broker, also to questions that nobody should ask of one."""

    def __init__(self, name):
        self.name = name
        self._runs = []

    def insert(self, name, document):
        if name == "start":
            self._runs.append(Header(start=document, events=[]))
        elif name == "event":
            self._runs[-1]["events"].append(document)

    def __getitem__(self, index):
        return self._runs[index]

    def __len__(self):
        return len(self._runs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        # Catalogues of this kind take an unknown attribute for the name of a part of them.
        return Catalog(f"{self.__dict__.get('name', '')}.{name}")
