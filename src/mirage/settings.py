"""One `Settings` object, from the environment (``MIRAGE_…``) and ``mirage.toml``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mirage import locales
from mirage.errors import BadInput, said_of
from mirage.places import own_cache, own_data
from mirage.plugins import available
from mirage.wording import _

# What a profile names: adapter and model, of each part. A setting that a person named wins.
PROFILES = {
    "paper": {
        "encoder": ("open_clip", "hf-hub:luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO"),
        "generator": ("diffusers", "Nihirc/Prompt2MedImage"),
        "explainer": ("transformers", "databricks/dolly-v2-3b"),
    }
}


_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class Settings(BaseSettings):
    """What a person or an institution may choose.

    Every field can be set in the environment (``MIRAGE_PORT=8001``) or in a ``mirage.toml`` in the current folder
    (``port = 8001``); the environment wins.
    """

    model_config = SettingsConfigDict(
        env_prefix="MIRAGE_", toml_file="mirage.toml", extra="forbid", frozen=True, env_ignore_empty=True
    )

    atlas: UserPath = Field(default_factory=lambda: own_data() / "atlas", description="The atlas folder.")
    records: str = Field(
        default="",
        description="Where a new atlas keeps its records: postgresql://user@host/database, without a password; in its "
        "folder when empty.",
    )
    read_only: bool = Field(
        default=False,
        description="Whether atlases are opened to be read only, each process with a private copy of the index and the "
        "records, so that any number may. A folder that cannot be written to is opened so in any case.",
    )
    profile: Literal["starter", "paper", "custom"] = Field(
        default="starter",
        description="Which encoder, explainer and generator are meant where none is named: those that ship, the paper's, or "
        "(custom) those that ship until you name others.",
    )
    encoder: str = Field(default="starter", description="Which encoder a new atlas is made with.")
    encoder_model: str = Field(
        default="", description="Its model: a hub id or folder for open_clip and transformers, the exported folder for onnx."
    )
    encoder_revision: str = Field(default="", description="Revision of a hub model; the one MIRAGE pins when empty.")
    encoder_download: bool = Field(
        default=False, description="Whether an encoder's model that is not on this machine may be downloaded."
    )
    encoder_activation: Literal["", "gelu", "quick_gelu"] = Field(
        default="", description="What an open_clip model's layers use, where its own configuration is silent or wrong."
    )
    lexicon: UserPath | None = Field(
        default=None, description="A file of concepts of your own, one a line of JSON, beside those that ship."
    )
    host: str = Field(default="127.0.0.1", description="Address the site listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the site; 0 takes a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Names under which the site may be asked for; add yours when it is served to others.",
    )
    shared: bool = Field(
        default=False,
        description="Whether people sign in, each with a role and data of their own; `mirage serve --shared` sets it.",
    )
    site_url: str = Field(
        default="",
        pattern=r"^$|^https?://[^\s?#@]+$",
        description="Address under which people reach a shared site; links of invitations begin with it.",
    )
    public: bool = Field(
        default=False,
        description="Whether search engines may list the figures of a site that anybody may look at; wants site_url.",
    )
    insecure: bool = Field(
        default=False,
        description="Whether people may sign in over http from other machines, where others can read along; `--insecure`.",
    )
    language: str = Field(
        default="",
        max_length=40,
        description="Language of commands, and of pages for whoever's browser asks for none that there is: en or es. When "
        "empty, commands take that of the machine (LANG), and pages are English.",
    )
    session_days: int = Field(default=30, ge=1, le=400, description="Days after which who did not come has to sign in anew.")
    audit_days: int = Field(
        default=365,
        ge=1,
        le=4000,
        description="Days that the log of what educators and owners did, and old invitations, stay.",
    )
    default_role: Literal["learner", "educator"] = Field(
        default="learner", description="Role of who comes for the first time by OpenID Connect or a proxy."
    )
    oidc_issuer: str = Field(
        default="", description="Address of an OpenID Connect provider, by which people sign in; see docs/classes.md."
    )
    oidc_client_id: str = Field(default="", description="What the provider knows this site by.")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="The secret that it shares with this site.")
    oidc_role_claim: str = Field(
        default="", description="Claim in which the provider says learner, educator or owner; the highest of several counts."
    )
    proxy_user_header: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9-]*$",
        description="Header in which a reverse proxy says who has signed in there, as X-Remote-User.",
    )
    root_path: str = Field(
        default="",
        max_length=200,
        description="Path at which the site begins, as /mirage, where a server has others beside it.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses, or networks as 10.0.0.0/8, of reverse proxies whose headers are believed."
    )
    limit_jobs: int = Field(default=3, ge=0, description="Jobs of one person that wait or run at once; 0 for any number.")
    limit_upload_bytes: int = Field(
        default=500_000_000, ge=0, description="Bytes that one person may send within an hour; 0 for any number."
    )
    limit_explanations: int = Field(
        default=60, ge=0, description="Explanations that one person may ask for within a minute; 0 for any number."
    )
    limit_generations: int = Field(
        default=50, ge=0, description="Synthetic images that one person may ask for within a day; 0 for any number."
    )
    limit_joins: int = Field(
        default=30,
        ge=0,
        description="People who may come in from one address within a minute by links for many; 0 for any number.",
    )
    metrics: bool = Field(
        default=False, description="Whether /metrics gives numbers for Prometheus, without a name, a query or an id in them."
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="Lines of the log: text for people, or json: of a request method, route, status, ms and id.",
    )
    folder_roots: Annotated[tuple[UserPath, ...], NoDecode] = Field(
        default=(), description="Folders under which the Library page may add folders of pictures."
    )
    add_files: bool | None = Field(
        default=None,
        description="Whether pages take files that somebody drops, and let the words of such figures be edited. When unset, "
        "where people sign in, or only this machine reaches the site: host and allowed_hosts name no other.",
    )
    add_max_bytes: int = Field(
        default=2_000_000_000, ge=1_000, description="Bytes of all files that one person may add from the page at once."
    )
    corpora: dict[str, UserPath] = Field(
        default={},
        description="Folders to read corpora from where none is named, by the name of the corpus, in place of downloading. "
        "MIRAGE_ and the name in capitals, or the name alone in mirage.toml, does the same for a corpus that is installed.",
    )
    upload_max_bytes: int = Field(default=20_000_000, ge=1_000, description="Largest picture that may be dropped.")
    upload_max_pixels: int = Field(default=50_000_000, ge=1_000, description="Most pixels such a picture may have.")
    picture_memory: int = Field(
        default=2**30, ge=16_000_000, description="Bytes that all uploads and pictures being opened may take together."
    )
    pictures: str = Field(
        default="",
        description="Where a new atlas keeps its pictures: an address as s3://bucket/prefix; in its own folder when empty.",
    )
    picture_cache: UserPath = Field(
        default_factory=lambda: own_cache() / "pictures",
        description="Where copies of pictures are kept that lie at such an address.",
    )
    picture_cache_bytes: int = Field(
        default=5_000_000_000, ge=1_000_000, description="Bytes that those copies may take, of one address."
    )
    explainer: str = Field(default="extractive", description="Which explainer speaks when nobody names one.")
    explainer_model: str = Field(
        default="", description="Its model: a hub id or folder for transformers, the server's name for openai."
    )
    explainer_url: str = Field(
        default="",
        description="Where the openai explainer's server is, as http://localhost:8080/v1; its key is OPENAI_API_KEY.",
    )
    explainer_timeout: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds the openai explainer waits for the next word."
    )
    explainer_context: int = Field(
        default=4096,
        ge=512,
        le=1_000_000,
        description="Tokens the openai explainer's model reads and writes at once; passages that do not fit are left out.",
    )
    explainer_download: bool = Field(
        default=False, description="Whether the transformers explainer may download a model that is not on this machine."
    )
    generator: str = Field(default="starter", description="Which generator draws when nobody names one.")
    generate_always: bool = Field(
        default=False, description="Whether the page draws a synthetic image of every query without being asked."
    )
    synthetic_images: int = Field(
        default=1_000, ge=0, description="How many synthetic images an atlas keeps, the newest; 0 for all."
    )
    synthetic_days: int = Field(default=0, ge=0, description="How many days it keeps them; 0 for any time.")
    generator_path: UserPath | None = Field(
        default=None, description="Folder of a starter generator that mirage train generator made; the shipped one if unset."
    )
    generator_model: str = Field(
        default="", description="The diffusers generator's model: a hub id or a folder; Prompt2MedImage when empty."
    )
    generator_download: bool = Field(
        default=False, description="Whether the diffusers generator may download a model that is not on this machine."
    )
    names: UserPath = Field(
        default_factory=lambda: own_data() / "names",
        description="Where the names of files that somebody added are kept, apart from the atlas, for them alone.",
    )
    kept: UserPath = Field(
        default_factory=lambda: own_data() / "kept",
        description="Where what you keep of an atlas that can only be read lies: collections, quizzes, synthetic images.",
    )
    models: UserPath = Field(
        default_factory=lambda: own_data() / "models",
        description="Where mirage models pull keeps models.",
    )
    live: bool = Field(
        default=True,
        description="Whether sources on the network may be asked at all, when somebody asks for them: mirage add pmc, idc …",
    )
    live_cache: UserPath = Field(
        default_factory=lambda: own_cache() / "live",
        description="Where their answers and files are kept.",
    )
    live_contact: str = Field(
        default="",
        max_length=200,
        pattern=r"^[\x21-\x7e]*$",
        description="Your e-mail address, told to the sources that ask for one, so that they can write before they block.",
    )
    live_addresses: dict[str, str] = Field(
        default={}, description="Addresses of sources by name, in place of their own: a mirror, or a proxy."
    )
    ncbi_key: SecretStr = Field(
        default=SecretStr(""),
        description="A key of NCBI, with which PubMed Central may be asked ten times a second, not three.",
    )
    sign_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) with which synthetic images are signed, as C2PA."
    )
    sign_key: Path | None = Field(default=None, description="The private key (PEM) of that certificate.")
    threads: int = Field(
        default=2, ge=1, le=256, description="Processor threads for one encoding; adding figures has two to four."
    )

    @field_validator("public")
    @classmethod
    def _listed(cls, given: bool, info: ValidationInfo) -> bool:
        if given and info.data.get("shared"):
            raise ValueError(_("people sign in to a shared site, and search engines do not"))
        if given and not info.data.get("site_url"):
            raise ValueError(
                _("search engines want whole addresses: set site_url to the one under which the site is reached")
            )
        return given

    @field_validator("language")
    @classmethod
    def _spoken(cls, given: str) -> str:
        if given and not locales.known(given):
            there = ", ".join(f"{code} ({locales.own_name(code)})" for code in locales.codes())
            raise ValueError(_("there is no such language here; there is %(there)s", there=there))
        return given

    @field_validator("root_path")
    @classmethod
    def _root(cls, given: str) -> str:
        given = given.rstrip("/")
        if given and not _PATH.fullmatch(given):
            raise ValueError(_("a path is written like /mirage, of letters, digits, . _ ~ and -"))
        return given

    @property
    def takes_files(self) -> bool:
        """Whether pages may add files of one's own, and edit the words of such figures."""
        own = ("localhost", "127.0.0.1", "::1", "[::1]")
        alone = {self.host, *self.allowed_hosts} <= set(own)
        # Of a shared site only educators and owners get so far.
        return (self.shared or alone) if self.add_files is None else self.add_files

    @model_validator(mode="before")
    @classmethod
    def _profiled(cls, given: Any) -> Any:
        """Fill in what the profile means, part by part: who names another adapter does not want the profile's model."""
        parts = PROFILES.get(str(given.get("profile")), {}) if isinstance(given, dict) else {}
        filled: dict[str, str] = {}
        for part, (adapter, model) in parts.items():
            if given.get(part, adapter) == adapter:
                filled |= {part: adapter, f"{part}_model": model}
        return {**filled, **given} if filled else given

    @model_validator(mode="before")
    @classmethod
    def _copies(cls, given: Any) -> Any:
        """Take the folder of a corpus under the corpus's own name too, in the environment after ``MIRAGE_``."""
        prefix = "MIRAGE_"
        told = {key[len(prefix) :].lower(): value for key, value in os.environ.items() if value and key.startswith(prefix)}
        told = {**given, **told} if isinstance(given, dict) else {}
        strange = {key for key in told if key not in cls.model_fields and told[key]}
        if not strange or not (named := strange & available("mirage.corpora").keys()):
            return given
        kept = {key: value for key, value in given.items() if key not in named}
        return kept | {"corpora": {key: told[key] for key in named} | kept.get("corpora", {})}

    @field_validator("allowed_hosts", "folder_roots", "trusted_proxies", mode="before")
    @classmethod
    def _several(cls, given: object, info: ValidationInfo) -> object:
        """In the environment: JSON, or names with commas between, or paths as in PATH."""
        if not isinstance(given, str):
            return given
        if given.lstrip().startswith("["):
            return json.loads(given)
        parts = given.split(os.pathsep if info.field_name == "folder_roots" else ",")
        return tuple(part.strip() for part in parts if part.strip())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then mirage.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Read the settings; values of None are left to the environment and the file.

        Raises
        ------
        mirage.errors.BadInput
            Naming the setting that cannot be used.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                known = ", ".join(cls.model_fields)
                raise BadInput(
                    _("There is no setting %(name)s (in mirage.toml). There are: %(known)s.", name=repr(name), known=known)
                ) from None
            field = str(first["loc"][0]) if first["loc"] else name
            why = said_of(first)
            raise BadInput(
                _(
                    "The setting %(name)s cannot be used: %(why)s (given: %(what)s). It comes from "
                    "MIRAGE_%(upper)s, from mirage.toml, or from the option of that name.",
                    name=repr(name),
                    why=why,
                    what=repr(str(first.get("input"))[:200]),
                    upper=field.upper(),
                )
            ) from None
        except (ValueError, OSError) as error:
            raise BadInput(
                _(
                    "%(resolve)s cannot be read: %(error)s. Correct it or remove it.",
                    resolve=Path("mirage.toml").resolve(),
                    error=error,
                )
            ) from None
