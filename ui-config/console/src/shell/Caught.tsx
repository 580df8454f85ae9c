import { Component, type ReactNode } from "react";
import { t } from "../text/text";

interface Props {
  /** Where one is: at another address it is tried anew. */
  address: string;
  children: ReactNode;
}

interface State {
  /** What went wrong at which address; null: nothing did. */
  fault: { error: unknown; address: string } | null;
}

const NOT_LOADED = /module|preload/i; // in each browser's words for a part of the console that did not come

/** Says so where a page cannot be shown, which would else leave an empty screen. */
export class Caught extends Component<Props, State> {
  state: State = { fault: null };

  static getDerivedStateFromError(error: unknown): State {
    return { fault: { error, address: "" } };
  }

  static getDerivedStateFromProps({ address }: Props, { fault }: State): State | null {
    if (fault === null || fault.address === address) return null;
    return { fault: fault.address === "" ? { ...fault, address } : null };
  }

  render(): ReactNode {
    const { fault } = this.state;
    if (fault === null) return this.props.children;
    const kind = NOT_LOADED.test(String(fault.error)) ? "not_loaded" : "unexpected";
    return (
      <div className="page">
        <div className="problem" role="alert">
          <strong>{t(`problem.${kind}`)}</strong>
          <p>{t(`problem.${kind}_hint`)}</p>
          <div>
            <button type="button" className="small" onClick={() => location.reload()}>
              {t("problem.reload")}
            </button>
          </div>
          <p className="fine faint" lang="en">
            {String(fault.error)}
          </p>
        </div>
      </div>
    );
  }
}
